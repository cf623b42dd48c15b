package verify

import (
	"fmt"
	"strings"
)

// askGPU initializes the library of the GPU's driver. That nvidia-smi works proves
// nothing: it needs less.
const askGPU = `
import ctypes
def gpu():
    for library, function in ("libcuda.so.1", "cuInit"), ("libamdhip64.so", "hipInit"):
        try:
            status = getattr(ctypes.CDLL(library), function)(0)
        except (OSError, AttributeError):
            continue
        return function + " returns " + str(status)
    return "neither libcuda.so.1 nor libamdhip64.so is there"
print("gpu:", gpu())
`

// computes says why the kernel can't compute on its GPU.
func (t *trial) computes() error {
	text, err := t.Client.Run(askGPU, patience)
	if err != nil {
		return err
	}
	_, said, _ := strings.Cut(text, "gpu: ")
	said, _, _ = strings.Cut(said, "\n")
	if !strings.HasSuffix(said, " returns 0") {
		return fmt.Errorf("%.80s", said)
	}
	return nil
}
