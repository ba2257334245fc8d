package main

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"

	"engine/pulumi/zygote"
)

// What a message to the zygote asks for, where descriptors come with it.
const (
	runJob      = 1
	providerJob = 2
)

// runProgram has the zygote fork a child for the job, and returns the child's exit code. The child
// is killed when the context ends.
func runProgram(ctx context.Context, host *companion, job zygote.Job, engine string) (int, error) {
	output, err := newProgramOutput(engine)
	if err != nil {
		return 0, err
	}
	defer output.close()
	life, err := submit(host, job, output.writeEnds())
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
func submit(host *companion, job zygote.Job, output []*os.File) (*net.UnixConn, error) {
	file, err := job.InMemory()
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
	if _, _, err := host.stdin.WriteMsgUnix([]byte{runJob}, syscall.UnixRights(fds...), nil); err != nil {
		ours.Close()
		return nil, err
	}
	return ours, nil
}

// awaitStatus reads what the zygote says about a child: its pid, then the status that it ended with.
func awaitStatus(life *net.UnixConn) (syscall.WaitStatus, error) {
	pid, err := zygote.ReadNumber(life)
	if err != nil {
		return 0, errors.New("the program host died before the program started")
	}
	status, err := zygote.ReadNumber(life)
	if err != nil {
		// Cancelled, or the zygote died: then nobody else is left to kill the child.
		_ = syscall.Kill(-pid, syscall.SIGKILL)
		return 0, errors.New("the program host died while the program ran")
	}
	return syscall.WaitStatus(status), nil
}
