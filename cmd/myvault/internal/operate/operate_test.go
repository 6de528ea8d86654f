package operate

import "fmt"

// printed returns what a command prints.
func printed(result fmt.Stringer, err error) (string, error) {
	if result == nil {
		return "", err
	}
	return result.String(), err
}
