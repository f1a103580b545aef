module line source "line.fcm" device native batch N packed 1024 workspace 0

tensor x in f16 [N,10,6,8]
tensor e virtual f16 [N,10,6,16]
tensor y out f16 [N,10,6,16]
tensor e.weight param f16 [1,1,16,8] rank 2 as e_weight
tensor y.weight param f16 [1,3,3,16] rank 3 as y_weight
inputs x
outputs y
params e.weight, y.weight

tm line.k0 cpu bits 256 threads 1 ctas 1 arena 4096
    sched "line rows=2 bands=2"
    loop n grid N
    loop i grid 2
    loop r seq 3 while 6i+2r < 10
    image w count 1 bytes 832 +0
    tile xt = x[1,4,8,8] @ (n, 6i+2r-1, -1, 0) global f16
    tile et = e[1,4,8,16] @ (n, 6i+2r-1, -1, 0) shared f32 pitch 64 row 512 roll 4 slot 2048 +0
    tile yt = y[1,2,6,16] @ (n, 6i+2r, 0, 0) shared f32 pitch 64 row 384 slot 768 +2048
    tile wi = image w[1,1,1,1] @ (0, 0, 0, 0) global u8
    tile we = e.weight[1,1,16,8] @ (0, 0, 0, 0) global f16 panels 16 slot 256 in w +0
    tile wd = y.weight[1,3,3,16] @ (0, 0, 0, 0) global f32 pitch 64 row 192 in w +256
    members w = we, wd
    for n
        for i
            pw et[0:2,0:8] = xt, we -> relu, round f16 [vec item 1x4x16] masked  "line.fcm:2 e = pw 8->16"
            for r
                pw et[2:4,0:8] = xt, we -> relu, round f16 [vec item 1x4x16] masked  "line.fcm:2 e = pw 8->16"
                dw yt = et, wd stride 1x1 pad 1,1 dilation 1x1 mult 1 [vec item 1x2x0]  "line.fcm:3 y = dw 3x3"
                store y <- yt -> addc 3, clamp -20 20.5
            end r
        end i
    end n
