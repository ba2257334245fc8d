package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// What a message to the zygote asks for, where descriptors come with it.
const (
	runJob      = 1
	providerJob = 2
)

// programJob is one run of a program: the exec script's arguments, and the process to make of it.
type programJob struct {
	Argv []string          `json:"argv"`
	Cwd  string            `json:"cwd"`
	Env  map[string]string `json:"env"`
	// Umask is that of the command.
	Umask int `json:"umask"`
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
	if _, _, err := zygote.stdin.WriteMsgUnix([]byte{runJob}, syscall.UnixRights(fds...), nil); err != nil {
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
