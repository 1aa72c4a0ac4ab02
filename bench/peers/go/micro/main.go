// SPDX-License-Identifier: Apache-2.0

// The microbenchmarks on Go: `micro NAME THREADS` runs NAME once to warm up and once to measure,
// and prints the figure. The forms are those of bench/micro_bench.cpp.
package main

import (
	"fmt"
	"os"
	"runtime"
	"sort"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const million = 1_000_000

func spawnRange(count int) {
	var all sync.WaitGroup
	all.Add(count)
	for i := 0; i < count; i++ {
		go all.Done()
	}
	all.Wait()
}

func spawnJoin() int {
	spawnRange(million)
	return million
}

func together(tasks int, work func(index int)) {
	var all sync.WaitGroup
	all.Add(tasks)
	for i := 0; i < tasks; i++ {
		i := i
		go func() {
			work(i)
			all.Done()
		}()
	}
	all.Wait()
}

func spawnTwo() int {
	together(2, func(int) { spawnRange(million / 2) })
	return million
}

func yields() int {
	together(1000, func(int) {
		for i := 0; i < 1000; i++ {
			runtime.Gosched()
		}
	})
	return million
}

func sendBack(from, to chan int) {
	for item := range from {
		to <- item
	}
}

func play(rounds int) int {
	there := make(chan int, 1)
	back := make(chan int, 1)
	go sendBack(there, back)
	for i := 0; i < rounds; i++ {
		there <- i
		<-back
	}
	close(there)
	return rounds
}

func pingPong() int { return play(500_000) }

// Each end has a thread of its own.
func pingPongAcross() int {
	there := make(chan int, 1)
	back := make(chan int, 1)
	go func() {
		runtime.LockOSThread()
		sendBack(there, back)
	}()
	runtime.LockOSThread()
	const rounds = 50_000
	for i := 0; i < rounds; i++ {
		there <- i
		<-back
	}
	close(there)
	return rounds
}

func skynet(to chan int, number, size int) {
	if size == 1 {
		to <- number
		return
	}
	sums := make(chan int, 10)
	part := size / 10
	for i := 0; i < 10; i++ {
		go skynet(sums, number+i*part, part)
	}
	sum := 0
	for i := 0; i < 10; i++ {
		sum += <-sums
	}
	to <- sum
}

func skynetMillion() int {
	to := make(chan int, 1)
	go skynet(to, 0, million)
	if <-to != million*(million-1)/2 {
		panic("skynet: wrong sum")
	}
	return 1
}

func fib(n int) int {
	if n < 2 {
		return n
	}
	first := make(chan int, 1)
	go func() { first <- fib(n - 1) }()
	second := fib(n - 2)
	return <-first + second
}

func fib30() int {
	if fib(30) != 832_040 {
		panic("fib: wrong number")
	}
	return 1
}

func transfer(producers int) int {
	items := make(chan int, 1024)
	var all sync.WaitGroup
	all.Add(producers)
	for i := 0; i < producers; i++ {
		go func() {
			for n := 0; n < million/producers; n++ {
				items <- n
			}
			all.Done()
		}()
	}
	go func() {
		all.Wait()
		close(items)
	}()
	seen := 0
	for range items {
		seen++
	}
	return seen
}

// 1 to 100 ms.
func nextSpan(state *uint64) time.Duration {
	*state ^= *state << 13
	*state ^= *state >> 7
	*state ^= *state << 17
	return time.Duration(1000+*state%99_001) * time.Microsecond
}

func timers(tasks, sleeps int) int {
	together(tasks, func(index int) {
		state := uint64(index+1) * 0x9E37_79B9_7F4A_7C15
		for i := 0; i < sleeps; i++ {
			time.Sleep(nextSpan(&state))
		}
	})
	return tasks * sleeps
}

// A short system call: the goroutine makes it itself, and nothing is handed over.
func blockingCall(done chan struct{}) {
	syscall.Syscall(syscall.SYS_GETPPID, 0, 0, 0)
	close(done)
}

func blocking() float64 {
	spans := make([]int, 20_000)
	for i := range spans {
		done := make(chan struct{})
		began := time.Now()
		go blockingCall(done)
		<-done
		spans[i] = int(time.Since(began))
	}
	sort.Ints(spans)
	return float64(spans[len(spans)/2])
}

func blocking64() int {
	const calls = 2000
	together(64, func(int) {
		for i := 0; i < calls; i++ {
			done := make(chan struct{})
			go blockingCall(done)
			<-done
		}
	})
	return 64 * calls
}

func residentBytes() float64 {
	text, _ := os.ReadFile("/proc/self/statm")
	var total, resident float64
	fmt.Sscan(string(text), &total, &resident)
	return resident * 4096
}

// The goroutines never end: the process does.
func memory() float64 {
	before := residentBytes()
	var asleep int64
	for i := 0; i < million; i++ {
		go func() {
			atomic.AddInt64(&asleep, 1)
			time.Sleep(time.Hour)
		}()
	}
	for atomic.LoadInt64(&asleep) < million {
		time.Sleep(time.Millisecond)
	}
	return (residentBytes() - before) / million
}

func cpuNs() float64 {
	var used syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	return float64(used.Utime.Nano() + used.Stime.Nano())
}

// Nanoseconds for each operation, of a second run.
func wall(form func() int) float64 {
	form()
	began := time.Now()
	count := form()
	return float64(time.Since(began)) / float64(count)
}

func cpu(tasks, sleeps int) float64 {
	timers(tasks, sleeps)
	began := cpuNs()
	count := timers(tasks, sleeps)
	return (cpuNs() - began) / float64(count)
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: micro NAME THREADS")
		os.Exit(2)
	}
	threads, _ := strconv.Atoi(os.Args[2])
	runtime.GOMAXPROCS(threads)
	forms := map[string]func() float64{
		"spawn_join":       func() float64 { return wall(spawnJoin) },
		"spawn_two":        func() float64 { return wall(spawnTwo) },
		"yield":            func() float64 { return wall(yields) },
		"ping_pong":        func() float64 { return wall(pingPong) },
		"ping_pong_across": func() float64 { return wall(pingPongAcross) },
		"skynet":           func() float64 { return wall(skynetMillion) / 1e6 },
		"fib":              func() float64 { return wall(fib30) / 1e6 },
		"channel":          func() float64 { return wall(func() int { return transfer(1) }) },
		"channel_4to1":     func() float64 { return wall(func() int { return transfer(4) }) },
		"timers_10k":       func() float64 { return cpu(10_000, 20) },
		"timers_100k":      func() float64 { return cpu(100_000, 10) },
		"blocking":         blocking,
		"blocking_64":      func() float64 { return 1e9 / wall(blocking64) },
		"memory":           memory,
	}
	form, known := forms[os.Args[1]]
	if !known {
		fmt.Fprintln(os.Stderr, "micro: there is no", os.Args[1])
		os.Exit(2)
	}
	fmt.Println(form())
}
