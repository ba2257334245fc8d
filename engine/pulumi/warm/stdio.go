package main

import (
	"fmt"
	"os"
	"syscall"
)

// stdio puts each command's own stdout and stderr on descriptors 1 and 2. Replacing the descriptors,
// not os.Stdout, also covers packages that kept a reference to the file when they were initialised.
type stdio struct{ null *os.File }

// detachStdio gives the process an empty stdin and no output until a command attaches its own.
func detachStdio() (*stdio, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	s := &stdio{null}
	if err := syscall.Dup3(int(null.Fd()), 0, 0); err != nil {
		return nil, err
	}
	s.detach()
	return s, nil
}

func (s *stdio) attach(files []*os.File) error {
	if len(files) != 2 {
		return fmt.Errorf("a command needs two descriptors, got %d", len(files))
	}
	for i, file := range files {
		if err := syscall.Dup3(int(file.Fd()), i+1, 0); err != nil {
			return err
		}
		file.Close()
	}
	return nil
}

// detach closes the last reference to the command's output, which is how its reader learns the end.
func (s *stdio) detach() {
	for _, fd := range []int{1, 2} {
		if err := syscall.Dup3(int(s.null.Fd()), fd, 0); err != nil {
			panic(err) // Both descriptors are open: the kernel has no reason to refuse.
		}
	}
}
