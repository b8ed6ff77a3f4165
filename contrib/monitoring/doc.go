// Package monitoring holds what an operator gives to Prometheus and Grafana:
// alert rules, their tests for promtool, and a dashboard. Its own tests run a real
// Prometheus in front of the real daemon.
//
// It holds tests only, and nobody imports it.
package monitoring
