// SPDX-License-Identifier: Apache-2.0

// Servers on Go: `server echo|hello|tenants [--threads N] [--data DIR] [--blocking-max N]`. `echo`
// sends bytes back, `hello` has the smallest possible HTTP parser, `tenants` answers the routes of
// `drama serve` that `drama demo` asks for. Prints one line when ready.
package main

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
)

var answer = []byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")

func echo(conn net.Conn) {
	defer conn.Close()
	buffer := make([]byte, 4096)
	for {
		got, err := conn.Read(buffer)
		if err != nil {
			return
		}
		if _, err := conn.Write(buffer[:got]); err != nil {
			return
		}
	}
}

// One answer for each blank line.
func hello(conn net.Conn) {
	defer conn.Close()
	buffer := make([]byte, 4096)
	used := 0
	for {
		got, err := conn.Read(buffer[used:])
		if err != nil {
			return
		}
		used += got
		for {
			at := bytes.Index(buffer[:used], []byte("\r\n\r\n"))
			if at < 0 {
				break
			}
			copy(buffer, buffer[at+4:used])
			used -= at + 4
			if _, err := conn.Write(answer); err != nil {
				return
			}
		}
	}
}

func serve(listener net.Listener, connection func(net.Conn)) error {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go connection(conn)
	}
}

type options struct {
	mode        string
	threads     int
	data        string
	blockingMax int
}

func parse(words []string) (options, bool) {
	if len(words)%2 == 0 {
		return options{}, false
	}
	found := options{mode: words[0], threads: 2, data: "."}
	for i := 1; i < len(words); i += 2 {
		number, err := strconv.Atoi(words[i+1])
		switch {
		case words[i] == "--data":
			found.data = words[i+1]
		case words[i] == "--threads" && err == nil:
			found.threads = number
		case words[i] == "--blocking-max" && err == nil:
			found.blockingMax = number
		default:
			return options{}, false
		}
	}
	return found, true
}

func main() {
	chosen, understood := parse(os.Args[1:])
	if !understood {
		fmt.Fprintln(os.Stderr,
			"usage: server echo|hello|tenants [--threads N] [--data DIR] [--blocking-max N]")
		os.Exit(2)
	}
	runtime.GOMAXPROCS(chosen.threads)
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
	at := listener.Addr()
	fmt.Printf("go serves http://%s and looks at http://%s\n", at, at)
	switch chosen.mode {
	case "echo":
		err = serve(listener, echo)
	case "hello":
		err = serve(listener, hello)
	default:
		err = http.Serve(listener, tenantRoutes(chosen))
	}
	fmt.Fprintln(os.Stderr, "server:", err)
	os.Exit(1)
}
