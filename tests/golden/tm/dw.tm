module dw source "dw.fcm" device h200 batch N packed 768 workspace 0

tensor x in f32 [N,9,7,10]
tensor y out f32 [N,5,4,10]
tensor d virtual f32 [N,5,4,10]
tensor y.weight param f32 [1,3,3,10] rank 3 as y_weight
tensor bn.weight param f32 [1,1,1,10] rank 1 as bn_weight
tensor bn.bias param f32 [1,1,1,10] rank 1 as bn_bias
tensor bn.mean param f32 [1,1,1,10] rank 1 as bn_mean
tensor bn.var param f32 [1,1,1,10] rank 1 as bn_var
tensor bn.s derived f32 [1,1,1,10] as bn_s bn_scale bn.weight, bn.bias, bn.mean, bn.var eps 1e-05
tensor bn.t derived f32 [1,1,1,10] as bn_t bn_shift bn.weight, bn.bias, bn.mean, bn.var eps 1e-05
inputs x
outputs y
params y.weight, bn.weight, bn.bias, bn.mean, bn.var

tm dw.k0 cuda sm 75 threads 32 ctas 1 arena 4160
    loop n grid N
    loop i grid 3
    loop j grid 2
    image w count 1 bytes 576 +0
    tile xt = x[1,5,5,10] @ (n, 4i-1, 4j-1, 0) shared f32 cpad 16 pitch 80 row 400 slot 2000 +0
    tile dt = d[1,2,2,10] @ (n, 2i, 2j, 0) shared f32 cpad 16 pitch 64 row 128 slot 256 +2000
    tile wi = image w[1,1,1,1] @ (0, 0, 0, 0) shared u8 slot 576 +2256
    tile wt = y.weight[1,3,3,10] @ (0, 0, 0, 0) shared f32 cpad 12 pitch 48 row 144 in w +0
    tile st = bn.s[1,1,1,10] @ (0, 0, 0, 0) shared f32 cpad 16 pitch 64 row 64 in w +432
    tile tt = bn.t[1,1,1,10] @ (0, 0, 0, 0) shared f32 cpad 16 pitch 64 row 64 in w +496
    members w = wt, st, tt
    for n
        for i
            for j
                copy wi
                copy xt vec 8
                sync
                dw dt = xt, wt stride 2x2 pad 1,1 dilation 1x1 mult 1 -> bn st tt, relu [portable]  "dw.fcm:2 y = dw 3, stride 2"
                sync
                store y <- dt vec 8
            end j
        end i
    end n
