module pw source "pw.fcm" device h200 batch N packed 512 workspace 0

tensor x in f16 [N,6,7,8]
tensor p virtual f16 [N,6,7,12]
tensor y out f16 [N,6,7,12]
tensor y.weight param f16 [1,1,12,8] rank 2 as y_weight
tensor y.bias param f32 [1,1,1,12] rank 1 as y_bias
inputs x
outputs y
params y.weight, y.bias

tm pw.k0 cuda sm 80 threads 64 ctas 2 arena 576
    note "fuse(y)"
    sched "tile=4x4 warps=1x2"
    loop n grid N
    loop i grid 2
    loop j grid 2
    image w count 1 bytes 320 +0
    tile xt = x[1,4,4,8] @ (n, 4i, 4j, 0) shared f16 pitch 16 row 64 slot 256 +0
    tile wi = image w[1,1,1,1] @ (0, 0, 0, 0) shared u8 slot 320 +256
    tile wt = y.weight[1,1,12,8] @ (0, 0, 0, 0) shared f16 pitch 16 row 256 slot 256 in w +0
    tile bt = y.bias[1,1,1,12] @ (0, 0, 0, 0) shared f32 cpad 16 pitch 64 row 64 slot 64 in w +256
    tile yt = p[1,4,4,12] @ (n, 4i, 4j, 0) register f32 cpad 16 mma 1x2
    members w = wt, bt
    for n
        for i
            for j
                copy_async wi
                copy_async xt vec 16
                commit
                zero yt
                wait 0
                sync
                pw yt += xt, wt [mma16816 warps 1x2]  "pw.fcm:2 y = pw 8->12"
                store y <- yt vec 8 -> bias bt, relu6  "pw.fcm:2 y = pw 8->12"
            end j
        end i
    end n
