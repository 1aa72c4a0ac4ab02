module drama/bench/peers/go

go 1.19
