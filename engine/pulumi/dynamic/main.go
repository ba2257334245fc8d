// Command pulumi-resource-pulumi-python is the plugin for dynamic providers of Python, as the engine
// looks for it. Beside a warm engine it has the program host fork a process for the provider, and
// stands for that process: it hands on output and exit code, and the process ends with it. Everywhere
// else it becomes the stock plugin, which starts Python anew.
package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"engine/pulumi/zygote"
)

// addressVariable names the warm engine's socket; see ../warm/providers.go for what is said there.
const addressVariable = "PULUMI_WARM_PROVIDERS"

func main() {
	address := os.Getenv(addressVariable)
	os.Unsetenv(addressVariable)
	if address != "" {
		// What cannot be handed over is left to the stock plugin, which explains best why it fails.
		if life, err := handOver(address); err == nil {
			if pid, err := zygote.ReadNumber(life); err == nil && pid > 0 {
				os.Exit(awaitEnd(life))
			}
		}
	}
	err := becomeStock()
	fmt.Fprintln(os.Stderr, "pulumi-resource-pulumi-python:", err)
	os.Exit(1)
}

// becomeStock executes the script that the official installer puts beside the CLI.
func becomeStock() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	name := filepath.Base(self)
	stock := filepath.Join(filepath.Dir(filepath.Dir(self)), "libexec", name)
	return syscall.Exec(stock, append([]string{stock}, os.Args[1:]...), os.Environ())
}

// handOver sends the job, in a file in memory, and the output's descriptors. It returns the connection,
// which stands for the lives of both processes.
func handOver(address string) (*net.UnixConn, error) {
	python, env, err := interpreter()
	if err != nil {
		return nil, err
	}
	cwd, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	umask := syscall.Umask(0)
	syscall.Umask(umask)
	job := zygote.Job{Argv: os.Args[1:], Cwd: cwd, Env: env, Umask: umask, Debug: true}
	file, err := job.InMemory()
	if err != nil {
		return nil, err
	}
	conn, err := net.DialUnix("unixpacket", nil, &net.UnixAddr{Name: address, Net: "unixpacket"})
	if err != nil {
		return nil, err
	}
	rights := syscall.UnixRights(int(file.Fd()), 1, 2)
	_, _, err = conn.WriteMsgUnix([]byte(python), rights, nil)
	runtime.KeepAlive(file)
	return conn, err
}

// interpreter returns the Python that the stock plugin would start, and the environment that it would
// start it in. There are more ways to choose one; those stay the stock plugin's.
func interpreter() (string, map[string]string, error) {
	env := map[string]string{}
	for _, each := range os.Environ() {
		name, value, _ := strings.Cut(each, "=")
		env[name] = value
	}
	// The warm engine sets these for itself, and a stock one would not have them.
	delete(env, "PULUMI_DEBUG_LANGUAGES")
	delete(env, "PULUMI_DEBUG_PROVIDERS")
	virtualEnv := env["PULUMI_RUNTIME_VIRTUALENV"]
	if virtualEnv == "" {
		if toolchain := env["PULUMI_RUNTIME_TOOLCHAIN"]; toolchain != "" && toolchain != "pip" {
			return "", nil, errors.New("another tool chain")
		}
		name := env["PULUMI_PYTHON_CMD"]
		if name == "" {
			name = "python3"
		}
		python, err := exec.LookPath(name)
		return python, env, err
	}
	folder, err := filepath.Abs(virtualEnv)
	if err != nil {
		return "", nil, err
	}
	delete(env, "PYTHONHOME")
	env["PULUMI_RUNTIME_VIRTUALENV"] = virtualEnv
	env["PATH"] = filepath.Join(folder, "bin") + string(filepath.ListSeparator) + env["PATH"]
	return filepath.Join(folder, "bin", "python"), env, nil
}

// awaitEnd waits for the process and returns its exit code, as a shell does.
func awaitEnd(life *net.UnixConn) int {
	number, err := zygote.ReadNumber(life)
	if err != nil {
		return 1 // The program host has died, and the process with it.
	}
	status := syscall.WaitStatus(number)
	if status.Signaled() {
		tellSignal(status)
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}

// tellSignal says what ended the process, as the shell does that runs the stock plugin.
func tellSignal(status syscall.WaitStatus) {
	signal := status.Signal()
	if signal == syscall.SIGINT || signal == syscall.SIGPIPE {
		return
	}
	words := signal.String()
	words = strings.ToUpper(words[:1]) + words[1:]
	if status.CoreDump() {
		words += " (core dumped)"
	}
	fmt.Fprintln(os.Stderr, words)
}
