package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
)

// request is one JSON line on stdin: a CLI command to execute. Two descriptors come with it, the
// write ends of its stdout and stderr. A line that names in Interrupt the id of the command that runs
// cancels that, or one that is yet to come; it may be sent at any time, and has no reply.
type request struct {
	ID        int  `json:"id"`
	Interrupt *int `json:"interrupt"`

	Args  []string          `json:"args"`
	Cwd   string            `json:"cwd"`
	Env   map[string]string `json:"env"`
	Umask int               `json:"umask"`

	// Providers are the executables, by name, of those that may be kept between commands.
	Providers map[string]string `json:"providers"`
	// Host is the command line of the program host; empty where the stock one is to be used.
	Host []string `json:"host"`
	// CompanionEnv is the environment to start them with, which does not change with every command.
	CompanionEnv map[string]string `json:"companion_env"`

	files []*os.File
}

// reply is one JSON line on the descriptor for replies: the greeting with the version, then one per request.
type reply struct {
	Version string `json:"version,omitempty"`
	Code    *int   `json:"code,omitempty"`
	Error   string `json:"error,omitempty"`
}

type replies struct{ encoder *json.Encoder }

func openReplies(fd int) (*replies, error) {
	// Plugins must not inherit it, or its end would not mean the end of this process.
	syscall.CloseOnExec(fd)
	file := os.NewFile(uintptr(fd), "replies")
	if _, err := file.Stat(); err != nil {
		return nil, fmt.Errorf("descriptor %d must be open for replies: %w", fd, err)
	}
	return &replies{json.NewEncoder(file)}, nil
}

func (r *replies) send(answer reply) error { return r.encoder.Encode(answer) }

// requests reads the socket that came as stdin.
type requests struct {
	conn  *net.UnixConn
	lines *bufio.Reader
	files []*os.File
}

func openRequests() (*requests, error) {
	conn, err := net.FileConn(os.Stdin) // Duplicates the descriptor, so stdin can be replaced.
	if err != nil {
		return nil, fmt.Errorf("stdin must be a Unix socket: %w", err)
	}
	unix, ok := conn.(*net.UnixConn)
	if !ok {
		return nil, errors.New("stdin must be a Unix socket")
	}
	r := &requests{conn: unix}
	r.lines = bufio.NewReaderSize(r, 1<<16)
	return r, nil
}

// Read implements io.Reader and collects the descriptors that come along with the bytes.
func (r *requests) Read(buffer []byte) (int, error) {
	control := make([]byte, syscall.CmsgSpace(2*4))
	n, size, _, _, err := r.conn.ReadMsgUnix(buffer, control)
	if err != nil {
		return n, err
	}
	files, err := parseRights(control[:size])
	r.files = append(r.files, files...)
	return n, err
}

func parseRights(control []byte) ([]*os.File, error) {
	messages, err := syscall.ParseSocketControlMessage(control)
	if err != nil {
		return nil, err
	}
	var files []*os.File
	for i := range messages {
		fds, err := syscall.ParseUnixRights(&messages[i])
		if err != nil {
			return nil, err
		}
		for _, fd := range fds {
			syscall.CloseOnExec(fd)
			files = append(files, os.NewFile(uintptr(fd), "output"))
		}
	}
	return files, nil
}

// receive yields commands. Interrupts, and the end of the socket, are passed on at once, also while the
// consumer is still busy with the last command.
func (r *requests) receive(interrupts *interrupts, shutdown *shutdown) <-chan request {
	channel := make(chan request)
	go func() {
		defer shutdown.ownerGone()
		for {
			line, err := r.lines.ReadBytes('\n')
			if err != nil {
				return
			}
			var next request
			if err := json.Unmarshal(line, &next); err != nil {
				return
			}
			if next.Interrupt != nil {
				interrupts.interrupt(*next.Interrupt)
				continue
			}
			next.files, r.files = r.files, nil
			channel <- next
		}
	}()
	return channel
}
