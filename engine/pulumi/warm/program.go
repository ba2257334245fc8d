package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// drainLimit bounds the wait for output after a program's end: only processes that it left behind
// can still hold its output open then.
const drainLimit = 100 * time.Millisecond

// programJob is one run of a program: the exec script's arguments, and the process to make of it.
type programJob struct {
	Argv []string          `json:"argv"`
	Cwd  string            `json:"cwd"`
	Env  map[string]string `json:"env"`
	// Debug tells whether anybody will see the SDK's debug messages.
	Debug bool `json:"debug"`
}

// runProgram has the zygote fork a child for the job, and returns the child's exit code. The child
// is killed when the context ends.
func runProgram(ctx context.Context, zygote *companion, job programJob, engine string) (int, error) {
	output, err := newProgramOutput(engine)
	if err != nil {
		return 0, err
	}
	defer output.close()
	life, err := submit(zygote, job, output.writeEnds())
	output.closeWriteEnds()
	if err != nil {
		return 0, err
	}
	defer life.Close()
	// Closing our end is how the zygote learns that the child is not wanted any more.
	defer context.AfterFunc(ctx, func() { _ = life.Close() })()

	status, err := awaitStatus(life)
	if err != nil {
		return 0, err
	}
	output.drain()
	return status.ExitStatus(), nil
}

// submit hands the job to the zygote with four descriptors: the job itself in a file in memory, as
// it may be larger than a message can be; stdout and stderr; and the other end of the returned
// socket, which stands for the life of the child.
func submit(zygote *companion, job programJob, output []*os.File) (*net.UnixConn, error) {
	file, err := inMemory(job)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	ours, theirs, err := packetPair()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	var fds []int
	for _, f := range append([]*os.File{file, theirs}, output...) {
		fds = append(fds, int(f.Fd()))
	}
	if _, _, err := zygote.stdin.WriteMsgUnix([]byte{1}, syscall.UnixRights(fds...), nil); err != nil {
		ours.Close()
		return nil, err
	}
	return ours, nil
}

func inMemory(job programJob) (*os.File, error) {
	data, err := json.Marshal(job)
	if err != nil {
		return nil, err
	}
	fd, err := unix.MemfdCreate("job", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), "job")
	if _, err := file.Write(data); err != nil {
		file.Close()
		return nil, err
	}
	_, err = file.Seek(0, io.SeekStart)
	return file, err
}

// awaitStatus reads what the zygote says about a child: its pid, then the status that it ended with.
func awaitStatus(life *net.UnixConn) (syscall.WaitStatus, error) {
	pid, err := readNumber(life)
	if err != nil {
		return 0, errors.New("the program host died before the program started")
	}
	status, err := readNumber(life)
	if err != nil {
		// Cancelled, or the zygote died: then nobody else is left to kill the child.
		_ = syscall.Kill(-pid, syscall.SIGKILL)
		return 0, errors.New("the program host died while the program ran")
	}
	return syscall.WaitStatus(status), nil
}

func readNumber(life *net.UnixConn) (int, error) {
	var number [4]byte
	if _, err := io.ReadFull(life, number[:]); err != nil {
		return 0, err
	}
	return int(int32(binary.NativeEndian.Uint32(number[:]))), nil
}

// programOutput forwards what a program prints to the diagnostics of the engine, line by line.
type programOutput struct {
	engine string
	conn   *grpc.ClientConn
	mu     sync.Mutex
	reads  []*os.File
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
		o.reads, o.writes = append(o.reads, read), append(o.writes, write)
		o.done.Go(func() { o.forward(read, stream+1) })
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
	for _, file := range o.reads {
		_ = file.SetReadDeadline(time.Now().Add(drainLimit))
	}
	o.done.Wait()
}

func (o *programOutput) close() {
	for _, file := range append(o.reads, o.writes...) {
		file.Close()
	}
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
		Message:  strings.ToValidUTF8(line, "\uFFFD"),
		StreamId: stream,
	})
}
