package vaultapi

import (
	"net/http"
	"time"
)

// apiVersion is the version of Vault whose answers these are.
const apiVersion = "1.21.2+myvault"

// clusterName names no cluster of Vault.
const clusterName = "myvault"

// readHealth answers the health probe of Vault, without a token. While the store does not answer it
// is 503, as of a sealed Vault.
func (c *call) readHealth() (response, error) {
	good := c.api.health.Good(c.ctx)
	a := response{status: http.StatusOK, plain: struct {
		Initialized        bool   `json:"initialized"`
		Sealed             bool   `json:"sealed"`
		Standby            bool   `json:"standby"`
		PerformanceStandby bool   `json:"performance_standby"`
		ReplicationMode    string `json:"replication_performance_mode"`
		RecoveryMode       string `json:"replication_dr_mode"`
		ServerTime         int64  `json:"server_time_utc"`
		Version            string `json:"version"`
		Enterprise         bool   `json:"enterprise"`
		ClusterName        string `json:"cluster_name"`
	}{true, !good, false, false, "disabled", "disabled", time.Now().Unix(), apiVersion, false, clusterName}}
	if !good {
		a.status = http.StatusServiceUnavailable
	}
	return a, nil
}

// readSealStatus answers `vault status`. There is no seal: the server holds its master key.
func (c *call) readSealStatus() (response, error) {
	return response{plain: struct {
		Type         string `json:"type"`
		Initialized  bool   `json:"initialized"`
		Sealed       bool   `json:"sealed"`
		T            int    `json:"t"`
		N            int    `json:"n"`
		Progress     int    `json:"progress"`
		Nonce        string `json:"nonce"`
		Version      string `json:"version"`
		BuildDate    string `json:"build_date"`
		Migration    bool   `json:"migration"`
		ClusterName  string `json:"cluster_name"`
		RecoverySeal bool   `json:"recovery_seal"`
		StorageType  string `json:"storage_type"`
	}{"shamir", true, !c.api.health.Good(c.ctx), 1, 1, 0, "", apiVersion, "", false, clusterName, false, "myvault"}}, nil
}

func (c *call) readInit() (response, error) {
	return response{plain: map[string]bool{"initialized": true}}, nil
}

func (c *call) readLeader() (response, error) {
	return response{plain: struct {
		HAEnabled     bool   `json:"ha_enabled"`
		IsSelf        bool   `json:"is_self"`
		ActiveTime    string `json:"active_time"`
		Leader        string `json:"leader_address"`
		LeaderCluster string `json:"leader_cluster_address"`
		Standby       bool   `json:"performance_standby"`
		StandbyWAL    int    `json:"performance_standby_last_remote_wal"`
	}{ActiveTime: "0001-01-01T00:00:00Z"}}, nil
}
