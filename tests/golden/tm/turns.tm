module turns source "turns.fcm" device h200 batch N packed 6400 workspace 0

tensor x in f16 [N,7,6,8]
tensor e virtual f16 [N,7,6,40]
tensor d virtual f16 [N,7,6,40]
tensor y out f16 [N,7,6,16]
tensor e.weight param f16 [1,1,40,8] rank 2 as e_weight
tensor e.bias param f32 [1,1,1,40] rank 1 as e_bias
tensor d.weight param f16 [1,3,3,40] rank 3 as d_weight
tensor d.bias param f32 [1,1,1,40] rank 1 as d_bias
tensor y.weight param f16 [1,1,16,40] rank 2 as y_weight
tensor y.bias param f32 [1,1,1,16] rank 1 as y_bias
inputs x
outputs y
params e.weight, e.bias, d.weight, d.bias, y.weight, y.bias

tm turns.k0 cuda sm 90 threads 64 ctas 2 arena 8192 sharers 3
    note "fuse(e, d, y)"
    sched "tile=4x4 channels=8 chunk=16 resident=1 persist=3 stages=2"
    loop n persist N
    loop i persist 2
    loop j persist 2
    loop k grid 2
    loop c seq 3
    loop t turn 1
    image w by k, c count 6 bytes 960 +0
    image f by k count 2 bytes 64 +5888
    tile xt = x[1,6,6,8] @ (n, 4i-1, 4j-1, 0) shared f16 pitch 16 row 96 stages 2 by t slot 576 +0
    tile et = e[1,6,6,16] @ (n, 4i-1, 4j-1, 16c) shared f16 pitch 48 row 288 slot 1728 +1152
    tile dt = d[1,4,4,16] @ (n, 4i, 4j, 16c) shared f16 pitch 48 row 192 slot 768 +2880
    tile yacc = y[1,4,4,8] @ (n, 4i, 4j, 8k) register f32 mma 1x1
    tile wt = image w[1,1,1,3] @ (0, 0, 0, 3k) shared u8 slot 2880 +3648
    tile we = e.weight[1,1,16,8] @ (0, 0, 16c, 0) shared f16 pitch 16 row 256 in w +0
    tile be = e.bias[1,1,1,16] @ (0, 0, 0, 16c) shared f32 pitch 64 row 64 in w +256
    tile wd = d.weight[1,3,3,16] @ (0, 0, 0, 16c) shared f16 pitch 32 row 96 in w +320
    tile bd = d.bias[1,1,1,16] @ (0, 0, 0, 16c) shared f32 pitch 64 row 64 in w +608
    tile wp = y.weight[1,1,8,16] @ (0, 0, 8k, 16c) shared f16 pitch 32 row 256 in w +672
    tile ft = image f[1,1,1,1] @ (0, 0, 0, k) shared u8 slot 64 +6528
    tile by = y.bias[1,1,1,8] @ (0, 0, 0, 8k) shared f32 pitch 32 row 32 in f +0
    members w = we, be, wd, bd, wp
    members f = by
    for k
        copy_async ft
        copy_async wt
        copy_async xt vec 16
        commit
        for n
            for i
                for j
                    wait 0
                    sync
                    copy_async xt@+1 vec 16 when t+1
                    commit
                    zero yacc
                    for c
                        pw et = xt, we -> bias be, relu6 [mma16816 warps 2x1] masked  "turns.fcm:3 e = pw 8->40, relu6"
                        sync
                        dw dt = et, wd stride 1x1 pad 1,1 dilation 1x1 mult 1 -> bias bd, relu6 [window item 1x4x8]  "turns.fcm:4 d = dw 3x3, relu6"
                        sync
                        pw yacc += dt, wp [mma16816 warps 1x1]  "turns.fcm:5 y = pw 40->16"
                    end c
                    store y <- yacc vec 16 -> bias by
                end j
            end i
        end n
    end k
