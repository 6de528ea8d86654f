//go:build !unix || aix

package transport

const examinable = false

func (c *conn) readable() bool { return false }

func (c *conn) awaitData() {}
