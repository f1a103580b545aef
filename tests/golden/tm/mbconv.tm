module mbconv source "mbconv.fcm" device h200 batch N packed 6144 workspace 0

tensor x in f16 [N,7,6,8]
tensor e virtual f16 [N,7,6,40]
tensor d virtual f16 [N,7,6,40]
tensor p virtual f16 [N,7,6,8]
tensor y out f16 [N,7,6,8]
tensor e.weight param f16 [1,1,40,8] rank 2 as e_weight
tensor e.bias param f32 [1,1,1,40] rank 1 as e_bias
tensor d.weight param f16 [1,3,3,40] rank 3 as d_weight
tensor d.bias param f32 [1,1,1,40] rank 1 as d_bias
tensor p.weight param f16 [1,1,8,40] rank 2 as p_weight
tensor p.bias param f32 [1,1,1,8] rank 1 as p_bias
inputs x
outputs y
params e.weight, e.bias, d.weight, d.bias, p.weight, p.bias

tm mbconv.k0 cuda sm 90 threads 64 ctas 2 arena 8192
    note "fuse(e, d, p, y)"
    sched "tile=4x4 chunk=16 stages=2"
    loop n grid N
    loop i grid 2
    loop j grid 2
    loop c seq 3
    image w by c count 3 bytes 960 +0
    image pb count 1 bytes 64 +5888
    tile xt = x[1,6,6,8] @ (n, 4i-1, 4j-1, 0) shared f16 pitch 16 row 96 slot 576 +0
    tile et = e[1,6,6,16] @ (n, 4i-1, 4j-1, 16c) shared f16 pitch 48 row 288 slot 1728 +576
    tile dt = d[1,4,4,16] @ (n, 4i, 4j, 16c) shared f16 pitch 48 row 192 slot 768 +2304
    tile yt = p[1,4,4,8] @ (n, 4i, 4j, 0) register f32 mma 1x1
    tile wi = image w[1,1,1,1] @ (0, 0, 0, c) shared u8 stages 2 by c slot 960 +3072
    tile we = e.weight[1,1,16,8] @ (0, 0, 16c, 0) shared f16 pitch 16 row 256 in w +0
    tile be = e.bias[1,1,1,16] @ (0, 0, 0, 16c) shared f32 pitch 64 row 64 in w +256
    tile wd = d.weight[1,3,3,16] @ (0, 0, 0, 16c) shared f16 pitch 32 row 96 in w +320
    tile bd = d.bias[1,1,1,16] @ (0, 0, 0, 16c) shared f32 pitch 64 row 64 in w +608
    tile wp = p.weight[1,1,8,16] @ (0, 0, 0, 16c) shared f16 pitch 32 row 256 in w +672
    tile pi = image pb[1,1,1,1] @ (0, 0, 0, 0) shared u8 slot 64 +4992
    tile bp = p.bias[1,1,1,8] @ (0, 0, 0, 0) shared f32 pitch 32 row 32 in pb +0
    members w = we, be, wd, bd, wp
    members pb = bp
    for n
        for i
            for j
                copy_async xt vec 16
                copy_async pi
                copy_async wi
                commit
                zero yt
                for c
                    wait 0
                    sync
                    copy_async wi@+1 when c+1 < 3
                    commit
                    pw et = xt, we -> bias be, relu6 [mma16816 warps 2x1] masked  "mbconv.fcm:3 e = pw 8->40, relu6"
                    sync
                    dw dt = et, wd stride 1x1 pad 1,1 dilation 1x1 mult 1 -> bias bd, relu6 [window item 1x4x8]  "mbconv.fcm:4 d = dw 3x3, relu6"
                    sync
                    pw yt += dt, wp [mma16816 warps 1x1]  "mbconv.fcm:5 p = pw 40->8"
                end c
                store y <- yt vec 16 -> bias bp, add xt  "mbconv.fcm:6 y = x + p"
            end j
        end i
    end n
