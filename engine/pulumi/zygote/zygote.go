// Package zygote has what is said to the process that forks programs and providers: warm_pulumi/host.
package zygote

import (
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// Job is one process to fork: its arguments, and what to make of it.
type Job struct {
	Argv []string          `json:"argv"`
	Cwd  string            `json:"cwd"`
	Env  map[string]string `json:"env"`
	// Umask is that of the command.
	Umask int `json:"umask"`
	// Debug tells whether anybody will see the SDK's debug messages.
	Debug bool `json:"debug"`
}

// InMemory returns the job in a file in memory, as it may be larger than a message can be.
func (job Job) InMemory() (*os.File, error) {
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

// ReadNumber reads what the zygote says about a child: its pid, then the status that it ended with.
func ReadNumber(life *net.UnixConn) (int, error) {
	var number [4]byte
	if _, err := io.ReadFull(life, number[:]); err != nil {
		return 0, err
	}
	return int(int32(binary.NativeEndian.Uint32(number[:]))), nil
}
