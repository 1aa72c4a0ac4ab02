// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// The routes of `drama serve`, by Go's own means: everything is a goroutine, and what blocks a
// thread gets another from the runtime.
type service struct {
	data          string
	slots         chan struct{} // nil: blocking calls have no bound
	requests      int64
	childrenEnded int64
	filesMade     int64
}

func number(request *http.Request, key string, otherwise int) int {
	found, err := strconv.Atoi(request.URL.Query().Get(key))
	if err != nil {
		return otherwise
	}
	return found
}

func spin(span time.Duration) {
	for end := time.Now().Add(span); time.Now().Before(end); {
	}
}

// A call that keeps its thread, unlike time.Sleep.
func (s *service) block(span time.Duration) {
	if s.slots != nil {
		s.slots <- struct{}{}
		defer func() { <-s.slots }()
	}
	left := syscall.NsecToTimespec(int64(span))
	for syscall.Nanosleep(&left, &left) == syscall.EINTR {
	}
}

func (s *service) spawnChildren(count int, span time.Duration) {
	var all sync.WaitGroup
	all.Add(count)
	for i := 0; i < count; i++ {
		go func() {
			spin(span)
			atomic.AddInt64(&s.childrenEnded, 1)
			all.Done()
		}()
		if i%256 == 255 {
			runtime.Gosched()
		}
	}
	all.Wait()
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}

// Writes a new file and syncs its content.
func (s *service) write(pieces int, piece []byte) (string, error) {
	name := fmt.Sprintf(".new-%d", atomic.AddInt64(&s.filesMade, 1))
	path := filepath.Join(s.data, name)
	file, err := os.Create(path)
	if err != nil {
		return path, err
	}
	defer file.Close()
	for i := 0; i < pieces; i++ {
		if _, err := file.Write(piece); err != nil {
			return path, err
		}
	}
	return path, syscall.Fdatasync(int(file.Fd()))
}

func (s *service) put(name string, body []byte) error {
	path, err := s.write(1, body)
	if err == nil {
		err = os.Rename(path, filepath.Join(s.data, name))
	}
	if err == nil {
		err = syncFolder(s.data)
	}
	return err
}

func (s *service) churn(mib int) error {
	path, err := s.write(mib, make([]byte, 1<<20))
	if err == nil {
		err = os.Remove(path)
	}
	return err
}

func reply(to http.ResponseWriter, err error, text string) {
	if err != nil {
		http.Error(to, err.Error(), http.StatusInternalServerError)
		return
	}
	io.WriteString(to, text)
}

func (s *service) answer(to http.ResponseWriter, request *http.Request) {
	switch path := request.URL.Path; {
	case path == "/echo":
		io.WriteString(to, strings.Repeat("x", number(request, "bytes", 64)))
	case path == "/hog":
		spin(time.Duration(number(request, "ms", 20)) * time.Millisecond)
		reply(to, nil, "spun")
	case path == "/compute":
		spin(time.Duration(number(request, "us", 1000)) * time.Microsecond)
		reply(to, nil, "computed")
	case path == "/block":
		s.block(time.Duration(number(request, "ms", 50)) * time.Millisecond)
		reply(to, nil, "blocked")
	case path == "/spawn":
		s.spawnChildren(number(request, "n", 1000),
			time.Duration(number(request, "us", 1))*time.Microsecond)
		reply(to, nil, "spawned")
	case path == "/churn":
		reply(to, s.churn(number(request, "mib", 1)), "churned")
	case strings.HasPrefix(path, "/files/") && request.Method == http.MethodPut:
		body, err := io.ReadAll(request.Body)
		if err == nil {
			err = s.put(strings.TrimPrefix(path, "/files/"), body)
		}
		reply(to, err, "kept")
	case path == "/healthz":
		reply(to, nil, "ok")
	default:
		http.NotFound(to, request)
	}
}

// What `drama demo` wants to know, of all tenants: requests under way, children ended.
func (s *service) figures(to http.ResponseWriter, _ *http.Request) {
	to.Header().Set("Connection", "close")
	fmt.Fprintf(to, `{"tasks":%d,"tasks_ended":%d}`,
		atomic.LoadInt64(&s.requests), atomic.LoadInt64(&s.childrenEnded))
}

func tenantRoutes(chosen options) http.Handler {
	s := &service{data: chosen.data}
	if chosen.blockingMax > 0 {
		s.slots = make(chan struct{}, chosen.blockingMax)
	}
	routes := http.NewServeMux()
	routes.HandleFunc("/debug/tenants", s.figures)
	routes.HandleFunc("/", func(to http.ResponseWriter, request *http.Request) {
		atomic.AddInt64(&s.requests, 1)
		defer atomic.AddInt64(&s.requests, -1)
		s.answer(to, request)
	})
	return routes
}
