//go:build !amd64

package gemm

var (
	f32Portable = portableF32(512)
	f64Portable = portableKit[float64](256)
)

func f32Kit() *kit[float32] { return f32Portable }
func f64Kit() *kit[float64] { return f64Portable }

func halfKit(f Format) halfPack { return portableHalf(f) }

func f32VecKit() *vecKit[float32] { return portableVecKit[float32]() }
func f64VecKit() *vecKit[float64] { return portableVecKit[float64]() }

func rowLoops() map[string]rowLoop { return portableRows }

func pause(int) {}

func fetch(*float32, int) {}
