module ring source "ring.fcm" device h200 batch N packed 6592 workspace 0

tensor x in f32 [N,14,14,24]
tensor d.weight param f32 [1,5,5,24] rank 3 as d_weight
tensor d.bias param f32 [1,1,1,24] rank 1 as d_bias
tensor y.weight param f32 [1,1,40,24] rank 2 as y_weight
tensor y.bias param f32 [1,1,1,40] rank 1 as y_bias
tensor d.relu6 virtual f32 [N,14,14,24] as d_relu6
tensor y out f32 [N,14,14,40]
inputs x
outputs y
params d.weight, d.bias, y.weight, y.bias

tm ring.k0 cuda sm 90 threads 128 ctas 4 arena 22720 sharers 3
    note "fuse(d.relu6, y)"
    sched "tile=2x7, line=7, resident=1, persist=3, stages=3, threads=128"
    loop n persist N
    loop j persist 2
    loop r seq 7
    image w count 1 bytes 6592 +0
    tile wt = image w[1,1,1,1] @ (0, 0, 0, 0) shared u8 slot 6592 +12320
    tile xt = x[1,6,11,24] @ (n, 2r-2, 7j-2, 0) shared f32 pitch 112 row 1232 roll 10 stages 3 by r slot 12320 +0
    tile wd = d.weight[1,5,5,24] @ (0, 0, 0, 0) shared f32 pitch 96 row 480 slot 2400 in w +0
    tile wp = y.weight[1,1,40,24] @ (0, 0, 0, 0) shared f32 panels 40 slot 3840 in w +2432
    tile dt = d.relu6[1,2,7,24] @ (n, 2r, 7j, 0) shared f32 pitch 112 row 784 slot 1568 +21152
    tile d_bias = d.bias[1,1,1,24] @ (0, 0, 0, 0) shared f32 pitch 96 row 96 slot 96 in w +6272
    tile yt = y[1,2,7,40] @ (n, 2r, 7j, 0) shared f32 pitch 160 row 1120 slot 2240 +18912
    tile y_bias = y.bias[1,1,1,40] @ (0, 0, 0, 0) shared f32 pitch 160 row 160 slot 160 in w +6400
    members w = wd, wp, d_bias, y_bias
    copy_async wt vec 16
    for n
        for j
            copy_async xt[0:4,0:11] vec 16
            copy_async xt[4:6,0:11] vec 16
            commit
            copy_async xt@+1[4:6,0:11] vec 16
            commit
            for r
                wait 1
                copy_async xt@+2[4:6,0:11] vec 16 when r+2 < 7
                commit
                sync
                dw dt = xt, wd stride 1x1 pad 2,2 dilation 1x1 mult 1 -> bias d_bias, relu6 [slide item 1x2x0]  "ring.fcm:45 d.relu6 = dw 5x5/1 24->24, bias, relu6"
                sync
                pw yt = dt, wp -> bias y_bias [simt warps 16x8]  "ring.fcm:46 y = pw 24->40, bias"
                sync
                store y <- yt vec 16
            end r
        end j
    end n
