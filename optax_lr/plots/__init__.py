"""Plots: schedules and audits in matplotlib, and the figure of the page of an audit as SVG."""
