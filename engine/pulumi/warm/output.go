package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// programOutput forwards what a program prints to the diagnostics of the engine, line by line.
type programOutput struct {
	engine string
	conn   *grpc.ClientConn
	mu     sync.Mutex
	reads  []*programStream
	writes []*os.File
	done   sync.WaitGroup
}

func newProgramOutput(engine string) (*programOutput, error) {
	o := &programOutput{engine: engine}
	for stream := range int32(2) {
		read, write, err := os.Pipe()
		if err != nil {
			o.close()
			return nil, err
		}
		file := &programStream{File: read}
		o.reads, o.writes = append(o.reads, file), append(o.writes, write)
		o.done.Go(func() { o.forward(file, stream+1) })
	}
	return o, nil
}

func (o *programOutput) writeEnds() []*os.File { return o.writes }

func (o *programOutput) closeWriteEnds() {
	for _, file := range o.writes {
		file.Close()
	}
}

// drain waits until all output that is there has been forwarded.
func (o *programOutput) drain() {
	for _, stream := range o.reads {
		stream.programEnded()
	}
	o.done.Wait()
}

func (o *programOutput) close() {
	for _, stream := range o.reads {
		stream.Close()
	}
	o.closeWriteEnds()
	o.done.Wait()
	if o.conn != nil {
		o.conn.Close()
	}
}

// forward sends lines until the stream ends. The stream's number lets the engine keep the two apart.
func (o *programOutput) forward(read io.Reader, stream int32) {
	lines := bufio.NewReader(read)
	for {
		line, err := lines.ReadString('\n')
		if strings.TrimSpace(line) != "" {
			o.log(line, stream)
		}
		if err != nil {
			return
		}
	}
}

func (o *programOutput) log(line string, stream int32) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.conn == nil { // Most programs print nothing.
		conn, err := grpc.NewClient(o.engine,
			grpc.WithTransportCredentials(insecure.NewCredentials()), rpcutil.GrpcChannelOptions())
		if err != nil {
			return
		}
		o.conn = conn
	}
	// An error means that the engine is about to end, and so is the program.
	_, _ = pulumirpc.NewEngineClient(o.conn).Log(context.Background(), &pulumirpc.LogRequest{
		Severity: pulumirpc.LogSeverity_INFO,
		Message:  string([]rune(line)), // With U+FFFD for each byte that is not UTF-8, as JSON has it.
		StreamId: stream,
	})
}

// lateLimit bounds the wait for output of processes that the program left behind: only they can still
// hold its output open after its end.
const lateLimit = 100 * time.Millisecond

// programStream is the read end of a pipe that a program prints to.
type programStream struct {
	*os.File
	ended bool
	// left counts what the program has left in the pipe.
	left int
}

// programEnded lets a Read that waits go on: to what is left, and then to the end.
func (s *programStream) programEnded() { _ = s.SetReadDeadline(time.Now()) }

// Read implements io.Reader. Once the program has ended, it takes all that is left in the pipe, however
// long forwarding that lasts, and then what comes within lateLimit.
func (s *programStream) Read(buffer []byte) (int, error) {
	if s.left > 0 {
		return s.readLeft(buffer)
	}
	n, err := s.File.Read(buffer)
	if s.ended || !errors.Is(err, os.ErrDeadlineExceeded) {
		return n, err
	}
	s.ended = true
	if s.left, err = s.available(); err != nil {
		return 0, err
	}
	s.renewDeadline()
	return s.Read(buffer)
}

// readLeft reads of what is there, so it does not wait.
func (s *programStream) readLeft(buffer []byte) (int, error) {
	n, err := s.File.Read(buffer[:min(s.left, len(buffer))])
	s.left -= n
	s.renewDeadline()
	return n, err
}

func (s *programStream) renewDeadline() {
	var deadline time.Time // None for what is left.
	if s.left == 0 {
		deadline = time.Now().Add(lateLimit)
	}
	_ = s.SetReadDeadline(deadline) // An error means that it is closed, and the next Read says so.
}

// available counts the bytes in the pipe, which the kernel calls those in the input queue (FIONREAD).
func (s *programStream) available() (count int, err error) {
	conn, err := s.SyscallConn()
	if err != nil {
		return 0, err
	}
	controlErr := conn.Control(func(fd uintptr) { count, err = unix.IoctlGetInt(int(fd), unix.TIOCINQ) })
	return count, errors.Join(controlErr, err)
}
