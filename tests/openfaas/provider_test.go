package openfaas

import (
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// walk appends every file below root.
func walk(root fs.FS, to *strings.Builder) error {
	return fs.WalkDir(root, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(root, path)
		to.Write(text)
		return err
	})
}

// Under an OpenFaaS provider a container has its secrets as files in
// /var/openfaas/secrets, the environment of stack.yml, and is asked on port
// 8080. Here: namespaces with a /var and a network of their own.
func TestRunsUnderAProvider(t *testing.T) {
	for name, function := range parse(t).Functions {
		t.Run(name, func(t *testing.T) {
			program := filepath.Join(t.TempDir(), name)
			text, err := os.ReadFile(os.Getenv("SHOP") + "/bin/" + name)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(program, text, 0o700); err != nil {
				t.Fatal(err)
			}
			run(t, program, function.Environment, function.Secrets)
		})
	}
}

func TestSecretsAreFoundByTheNameOfTheSetting(t *testing.T) {
	program := filepath.Join(t.TempDir(), "relay")
	text, err := os.ReadFile(os.Getenv("SHOP") + "/bin/relay")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, text, 0o700); err != nil {
		t.Fatal(err)
	}
	run(t, program, nil, []string{"admin_token", "database_url"})
}

func run(t *testing.T, program string, environment map[string]string, secrets []string) {
	t.Helper()
	command := exec.Command("/proc/self/exe")
	command.Env = []string{"INSIDE=" + program, "SECRETS=" + strings.Join(secrets, " ")}
	for key, value := range environment {
		command.Env = append(command.Env, key+"="+value)
	}
	for _, key := range []string{"ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"} {
		command.Env = append(command.Env, key+"="+os.Getenv(key))
	}
	command.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// inside is the other side of run; true when this process is it.
func inside() bool {
	program := os.Getenv("INSIDE")
	if program == "" {
		return false
	}
	if err := provide(strings.Fields(os.Getenv("SECRETS"))); err != nil {
		fmt.Println("the container could not be made:", err)
		os.Exit(1)
	}
	function := exec.Command(program)
	function.Stdout, function.Stderr = os.Stdout, os.Stderr
	if err := function.Start(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	err := probe()
	function.Process.Kill()
	function.Wait()
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	return true
}

func provide(secrets []string) error {
	const folder = "/var/openfaas/secrets"
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := syscall.Mount("tmpfs", "/var", "tmpfs", 0, ""); err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	for _, name := range secrets {
		text := []byte("postgresql://nobody@127.0.0.1:1/nothing\n")
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o400); err != nil {
			return err
		}
	}
	return loopbackUp()
}

func loopbackUp() error {
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(socket)
	request := struct {
		name  [syscall.IFNAMSIZ]byte
		flags uint16
		_     [22]byte
	}{flags: syscall.IFF_UP}
	copy(request.name[:], "lo")
	if _, _, failed := syscall.Syscall(syscall.SYS_IOCTL, uintptr(socket),
		syscall.SIOCSIFFLAGS, uintptr(unsafe.Pointer(&request))); failed != 0 {
		return failed
	}
	return nil
}

// probe as a provider does: healthy, and says whether it is ready.
func probe() error {
	const base = "http://127.0.0.1:8080/_/"
	var response *http.Response
	var err error
	for range 600 {
		if response, err = http.Get(base + "health"); err == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err != nil {
		return err
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("health: %s", response.Status)
	}
	response, err = http.Get(base + "ready")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && !strings.Contains(string(text), `"ready":`) {
		err = fmt.Errorf("ready: %s %s", response.Status, text)
	}
	return err
}
