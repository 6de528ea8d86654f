package httpapi

import "sync"

// keptBuffer is the size up to which a buffer is kept, in bytes.
const keptBuffer = 16 << 10

// buffers are the memory of bodies, which hold values. They are cleared before another one gets them; what one has outgrown
// is left to the garbage collector.
type buffers struct{ idle sync.Pool } // of *[]byte

// take gives an empty buffer.
func (b *buffers) take() *[]byte {
	if buffer, ok := b.idle.Get().(*[]byte); ok {
		return buffer
	}
	return new([]byte)
}

// give takes a buffer back, and clears it.
func (b *buffers) give(buffer *[]byte) {
	clear(*buffer)
	if cap(*buffer) <= keptBuffer {
		*buffer = (*buffer)[:0]
		b.idle.Put(buffer)
	}
}
