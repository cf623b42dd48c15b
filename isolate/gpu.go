package isolate

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
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

// addNVIDIA adds NVIDIA's cards, the nodes that all of them need, and what CUDA reads.
// The node for displays, and the sockets of its services, are not needed.
func (g *gpuPlan) addNVIDIA(drivers drivers, p *Policy) error {
	var cards []int
	for _, name := range g.names("/dev") {
		number, ok := strings.CutPrefix(name, "nvidia")
		if n, err := strconv.Atoi(number); ok && err == nil && n >= 0 {
			cards = append(cards, n)
		}
	}
	slices.Sort(cards)
	for _, path := range []string{"/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia0"} {
		if !g.has(path) && (path != "/dev/nvidia0" || len(cards) == 0) {
			return &SetupError{Doing: "give GPU", Path: p.GPU, Kind: KindNoGPUNode,
				Err: fmt.Errorf("NVIDIA's driver is here, but not %s, which the first program that uses it makes", path)}
		}
	}
	given, err := chosen(p, cards)
	if err != nil {
		return err
	}

	own, uvm := requestsOf([]string{"nvidia"}), requestsOf([]string{"nvidia-uvm"})
	paths := map[string][]seccomp.Requests{"/dev/nvidiactl": own, "/dev/nvidia-uvm": uvm}
	if g.has("/dev/nvidia-uvm-tools") {
		paths["/dev/nvidia-uvm-tools"] = uvm
	}
	for _, n := range given {
		paths["/dev/nvidia"+strconv.Itoa(n)] = own
	}
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		if err := g.give(drivers, path, paths[path]); err != nil {
			return err
		}
	}
	g.addCapabilities(drivers, given)

	for _, name := range []string{"nvidia", "nvidia_uvm", "nvidia_modeset", "nvidia_drm"} {
		g.show("/sys/module/" + name)
	}
	g.show("/proc/driver/nvidia")
	g.show("/proc/driver/nvidia-uvm")
	const gpus, capabilities = "/proc/driver/nvidia/gpus", "/proc/driver/nvidia/capabilities"
	for _, address := range g.names(gpus) {
		n, err := strconv.Atoi(g.value(gpus+"/"+address+"/information", "Device Minor"))
		if err == nil && slices.Contains(given, n) {
			g.showPCI(address)
		} else {
			g.hidden = append(g.hidden, gpus+"/"+address)
		}
	}
	for _, name := range g.names(capabilities) {
		n, err := strconv.Atoi(strings.TrimPrefix(name, "gpu"))
		if err == nil && !slices.Contains(given, n) {
			g.hidden = append(g.hidden, capabilities+"/"+name)
		}
	}
	return nil
}

// addCapabilities adds the nodes by which the instances of cards that are divided (MIG)
// are opened, as far as the caller may open them.
func (g *gpuPlan) addCapabilities(drivers drivers, given []int) {
	const minors = "/proc/driver/nvidia-caps/mig-minors"
	text, _ := os.ReadFile(g.machine + minors)
	some := false
	for line := range strings.Lines(string(text)) {
		// Such as gpu0/gi1/access 12, and config 1, which configures all cards.
		var name string
		var card, minor int
		if n, _ := fmt.Sscanf(line, "gpu%d/%s %d", &card, &name, &minor); n != 3 || !slices.Contains(given, card) {
			continue
		}
		if path := "/dev/nvidia-caps/nvidia-cap" + strconv.Itoa(minor); g.has(path) {
			// The card's node is asked, with this one as a proof.
			some = g.give(drivers, path, requestsOf([]string{"nvidia"})) == nil || some
		}
	}
	if some {
		g.show("/proc/driver/nvidia-caps")
	}
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

// addROCm adds the node for all of AMD's cards, the render nodes of those that are
// named, and what the runtime reads.
func (g *gpuPlan) addROCm(drivers drivers, p *Policy) error {
	const topology = "/sys/devices/virtual/kfd/kfd/topology/nodes"
	renders := map[int]string{} // by the number of the card
	var nodes []int
	for _, name := range g.names(topology) {
		if n, err := strconv.Atoi(name); err == nil {
			nodes = append(nodes, n)
		}
	}
	slices.Sort(nodes)
	for _, n := range nodes {
		minor := g.value(topology+"/"+strconv.Itoa(n)+"/properties", "drm_render_minor")
		if minor != "" && minor != "0" && minor != "-1" { // processors have a node, too
			renders[len(renders)] = "/dev/dri/renderD" + minor
		}
	}
	if len(renders) == 0 {
		return &SetupError{Doing: "give GPU", Path: p.GPU, Kind: KindNoGPU, Err: errors.New("there is /dev/kfd, but no card in " + topology)}
	}
	var cards []int
	for n := range len(renders) {
		cards = append(cards, n)
	}
	given, err := chosen(p, cards)
	if err != nil {
		return err
	}

	if err := g.give(drivers, "/dev/kfd", requestsOf([]string{"kfd"})); err != nil {
		return err
	}
	for _, n := range given {
		if err := g.give(drivers, renders[n], requestsOf([]string{"drm"})); err != nil {
			return err
		}
		character := "/sys/dev/char/226:" + strings.TrimPrefix(renders[n], "/dev/dri/renderD")
		if to, err := os.Readlink(g.machine + character); err == nil && !filepath.IsAbs(to) {
			// .../0000:03:00.0/drm/renderD128, of which the card's own directory is shown
			g.links[character] = to
			g.showPCI(filepath.Base(filepath.Dir(filepath.Dir(to))))
		}
	}

	g.show("/sys/devices/virtual/kfd")
	if to, err := os.Readlink(g.machine + "/sys/class/kfd/kfd"); err == nil && !filepath.IsAbs(to) {
		g.links["/sys/class/kfd/kfd"] = to
	}
	g.show("/sys/module/amdgpu")
	return nil
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
