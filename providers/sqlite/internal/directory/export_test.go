package directory

// For the tests of this package that use a whole store.
var (
	LockTemp  = lockTemp
	NetworkOf = networkOf
)
