module chain source "chain.fcm" device native batch N packed 512 workspace 1024

tensor x in f32 [N,5,5,6]
tensor h temp f32 [N,5,5,10] at 0
tensor y out f32 [N,5,5,10]
tensor h.weight param f32 [1,1,10,6] rank 2 as h_weight
tensor h.bias param f32 [1,1,1,10] rank 1 as h_bias
inputs x
outputs y
params h.weight, h.bias

tm chain.k0 cpu bits 0 threads 1 ctas 1 arena 1024
    loop n grid N
    loop i grid 5
    loop k seq 2
    image w by k count 2 bytes 256 +0
    tile xr = x[1,1,5,6] @ (n, i, 0, 0) global f32
    tile ht = h[1,1,5,8] @ (n, i, 0, 8k) shared f32 pitch 32 row 160 slot 192 +0
    tile wi = image w[1,1,1,1] @ (0, 0, 0, k) global u8
    tile wt = h.weight[1,1,8,6] @ (0, 0, 8k, 0) global f32 panels 8 slot 192 in w +0
    tile bt = h.bias[1,1,1,8] @ (0, 0, 0, 8k) global f32 pitch 32 row 32 in w +192
    members w = wt, bt
    for n
        for i
            for k
                pw ht = xr, wt -> bias bt, leaky 0.25 [portable]  "chain.fcm:2 h = pw 6->10"
                store h <- ht
            end k
        end i
    end n

tm chain.k1 cpu bits 0 threads 1 ctas 1 arena 1024
    loop n grid N
    loop i grid 3
    tile hs = h[1,2,5,10] @ (n, 2i, 0, 0) shared f32 cpad 16 pitch 64 row 320 slot 640 +0
    tile hg = h[1,2,5,10] @ (n, 2i, 0, 0) global f32
    tile zs = h[1,2,5,10] @ (n, 2i, 0, 0) register f32
    for n
        for i
            zero zs when i < 3
            copy hs vec 4
            finish hs = hs -> mulc 2, silu
            store y <- hs vec 4 -> rsub hg  "chain.fcm:3 y = h - silu(2h)"
        end i
    end n
