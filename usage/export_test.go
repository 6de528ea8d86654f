package usage

// Limit sets how many last reads the index remembers.
func (x *Index) Limit(n int) { x.limit = n }
