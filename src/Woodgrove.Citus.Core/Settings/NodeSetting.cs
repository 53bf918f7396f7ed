namespace Woodgrove.Citus.Settings;

/// <summary>A parameter on one node.</summary>
/// <param name="Value">With its unit, as postgresql.conf would have it.</param>
public sealed record NodeSetting(string Node, string Value, bool NeedsRestart);
