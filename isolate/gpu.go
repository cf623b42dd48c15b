package isolate

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"isolate-namespace/isolate/internal/seccomp"
)

// ParseGPU reads which GPUs a program gets: all, or numbers separated by commas.
func ParseGPU(s string) (string, error) {
	if s != "all" {
		for number := range strings.SplitSeq(s, ",") {
			if n, err := strconv.ParseUint(number, 10, 8); err != nil || strconv.FormatUint(n, 10) != number {
				return "", errors.New("it is all, or numbers from 0 on, such as 0,1")
			}
		}
	}
	return s, nil
}

// GPUVariables returns the names of the variables that programs on a GPU look for. They
// hold no directories to write to.
func GPUVariables() []string {
	return []string{
		// CUDA C++ Programming Guide, "Environment Variables"; where the toolkit is
		"CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "CUDA_MANAGED_FORCE_DEVICE_ALLOC", "CUDA_CACHE_DISABLE", "CUDA_CACHE_MAXSIZE",
		"CUDA_FORCE_PTX_JIT", "CUDA_DISABLE_PTX_JIT", "CUDA_FORCE_JIT", "CUDA_DISABLE_JIT", "CUDA_LAUNCH_BLOCKING",
		"CUDA_DEVICE_MAX_CONNECTIONS", "CUDA_DEVICE_MAX_COPY_CONNECTIONS", "CUDA_SCALE_LAUNCH_QUEUES", "CUDA_AUTO_BOOST",
		"CUDA_MODULE_LOADING", "CUDA_MODULE_DATA_LOADING", "CUDA_BINARY_LOADER_THREAD_COUNT", "CUDA_GRAPHS_USE_NODE_PRIORITY",
		"CUDA_DEVICE_WAITS_ON_EXCEPTION", "CUDA_FORCE_PRELOAD_LIBRARIES", "CUDA_HOME", "CUDA_PATH", "CUDA_ROOT",
		// NVIDIA's container toolkit; cuBLAS and cuDNN
		"NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES", "NVIDIA_TF32_OVERRIDE",
		// NCCL's user guide, "Environment Variables"
		"NCCL_DEBUG", "NCCL_DEBUG_SUBSYS", "NCCL_ALGO", "NCCL_PROTO", "NCCL_BUFFSIZE", "NCCL_NTHREADS", "NCCL_MIN_NCHANNELS",
		"NCCL_MAX_NCHANNELS", "NCCL_MIN_CTAS", "NCCL_MAX_CTAS", "NCCL_CHECKS_DISABLE", "NCCL_CHECK_POINTERS", "NCCL_LAUNCH_MODE",
		"NCCL_P2P_DISABLE", "NCCL_P2P_LEVEL", "NCCL_P2P_DIRECT_DISABLE", "NCCL_SHM_DISABLE", "NCCL_SHM_USE_CUDA_MEMCPY",
		"NCCL_IB_DISABLE", "NCCL_NET_GDR_LEVEL", "NCCL_NET_GDR_READ", "NCCL_CROSS_NIC", "NCCL_SOCKET_IFNAME", "NCCL_SOCKET_FAMILY",
		"NCCL_SOCKET_NTHREADS", "NCCL_NSOCKS_PERTHREAD", "NCCL_CUMEM_ENABLE", "NCCL_CUMEM_HOST_ENABLE", "NCCL_NVLS_ENABLE",
		"NCCL_IGNORE_CPU_AFFINITY", "NCCL_GRAPH_MIXING_SUPPORT", "NCCL_IGNORE_DISABLED_P2P",
		// ROCm's documentation, "Environment variables"
		"HIP_VISIBLE_DEVICES", "HIP_LAUNCH_BLOCKING", "HIP_PATH", "HIP_PLATFORM", "ROCR_VISIBLE_DEVICES",
		"HSA_OVERRIDE_GFX_VERSION", "HSA_ENABLE_SDMA", "HSA_ENABLE_PEER_SDMA", "HSA_ENABLE_INTERRUPT", "HSA_XNACK", "HSA_CU_MASK",
		"HSA_NO_SCRATCH_RECLAIM", "HSA_SCRATCH_SINGLE_LIMIT", "HSA_DISABLE_FRAGMENT_ALLOCATOR", "HSA_FORCE_FINE_GRAIN_PCIE",
	}
}

// gpuVariables returns GPUVariables if there is a GPU.
func (p *Policy) gpuVariables() []string {
	if p.GPU == "" {
		return nil
	}
	return GPUVariables()
}

// A gpuPlan is what a program needs for its GPUs.
type gpuPlan struct {
	machine string // before each path outside: "", or that of a test
	devices []device
	shown   []string          // files and directories, read-only
	hidden  []string          // what describes cards that aren't named
	links   map[string]string // as they are outside
}

// gpus finds the GPUs that the policy names.
func (p *Policy) gpus() (*gpuPlan, error) {
	if p.GPU == "" {
		return nil, nil
	}
	if _, err := ParseGPU(p.GPU); err != nil {
		return nil, &SetupError{Doing: "give GPU", Path: p.GPU, Err: err}
	}
	if p.ShareProc {
		return nil, &SetupError{Doing: "give GPU", Path: p.GPU, Kind: KindGPUSharedProc,
			Err: errors.New("CUDA names its threads by writing to /proc/self, which is read-only where /proc is shared")}
	}

	g := &gpuPlan{machine: p.machine, links: map[string]string{}}
	hasNVIDIA := g.has("/dev/nvidiactl") || g.has("/proc/driver/nvidia/version")
	hasROCm := g.has("/dev/kfd")
	fault := func(kind Kind, why string) error {
		return &SetupError{Doing: "give GPU", Path: p.GPU, Kind: kind, Err: errors.New(why)}
	}
	named := p.GPU != "all"
	switch {
	case named && hasNVIDIA && hasROCm:
		return nil, fault(KindGPUNumber, "there are GPUs of two makers, whose numbers are not told apart")
	case named && !hasNVIDIA && !hasROCm && g.has("/dev/dxg"):
		return nil, fault(KindGPUNumber, "WSL has one device for all GPUs")
	case !hasNVIDIA && !hasROCm && !g.has("/dev/dxg"):
		return nil, fault(KindNoGPU, "there is none that is known: no /dev/nvidiactl, /dev/kfd or /dev/dxg")
	}

	drivers := readDrivers("/proc")
	if hasNVIDIA {
		if err := g.addNVIDIA(drivers, p); err != nil {
			return nil, err
		}
	}
	if hasROCm {
		if err := g.addROCm(drivers, p); err != nil {
			return nil, err
		}
	}
	if g.has("/dev/dxg") {
		if err := g.give(drivers, "/dev/dxg", requestsOf([]string{"dxg"})); err != nil {
			return nil, err
		}
	}
	return g, nil
}

func (g *gpuPlan) has(path string) bool {
	_, err := os.Lstat(g.machine + path)
	return err == nil
}

// give adds a device. Its driver is known.
func (g *gpuPlan) give(drivers drivers, path string, requests []seccomp.Requests) error {
	d, err := drivers.find(path, g.machine+path)
	if err != nil {
		return err
	}
	d.requests = requests
	g.devices = append(g.devices, d)
	return nil
}

// show adds a path, if it is there.
func (g *gpuPlan) show(path string) {
	if g.has(path) {
		g.shown = append(g.shown, path)
	}
}

// names returns the names in a directory, or nothing.
func (g *gpuPlan) names(dir string) (names []string) {
	entries, _ := os.ReadDir(g.machine + dir)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// value returns what follows name and a colon or space in a line of a file, as the
// drivers write them.
func (g *gpuPlan) value(path, name string) string {
	text, _ := os.ReadFile(g.machine + path)
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			return strings.Trim(rest, ": \t\n")
		}
	}
	return ""
}

// chosen returns those of the cards that the policy names. A number that no card has is
// an error.
func chosen(p *Policy, cards []int) ([]int, error) {
	if p.GPU == "all" {
		return cards, nil
	}
	var all []int
	for text := range strings.SplitSeq(p.GPU, ",") {
		n, _ := strconv.Atoi(text) // as ParseGPU has it
		if !slices.Contains(cards, n) {
			return nil, &SetupError{Doing: "give GPU", Path: p.GPU, Kind: KindGPUNumber,
				Err: fmt.Errorf("there is no number %d; there are %s", n, strings.Trim(fmt.Sprint(cards), "[]"))}
		}
		all = append(all, n)
	}
	return all, nil
}

// showPCI shows a card's own directory, under the name of its address.
func (g *gpuPlan) showPCI(address string) {
	link := "/sys/bus/pci/devices/" + address
	to, err := os.Readlink(g.machine + link)
	if err == nil && !filepath.IsAbs(to) {
		g.links[link] = to
		g.show(filepath.Join(filepath.Dir(link), to))
	}
}

// addGPUs adds what the policy's GPUs need.
func (t *tree) addGPUs(p *Policy) error {
	g, err := p.gpus()
	if g == nil || err != nil {
		return err
	}
	t.giveDevices(g.devices)
	for _, path := range g.shown {
		if p.AllowUserNamespaces && strings.HasPrefix(path, "/proc/") {
			continue // all of /proc is unmasked, and must stay whole
		}
		n := &node{target: path, access: AccessReadOnly}
		if err := n.openSource(g.machine + path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if n.host != nil {
			t.add(n)
		}
	}
	for _, path := range g.hidden {
		if !p.AllowUserNamespaces {
			t.add(&node{kind: maskNode, target: path})
		}
	}
	for path, to := range g.links {
		t.add(&node{kind: linkNode, target: path, source: to})
	}
	return nil
}
