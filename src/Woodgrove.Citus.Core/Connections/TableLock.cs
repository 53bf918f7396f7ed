namespace Woodgrove.Citus.Connections;

/// <summary>What a transaction has to set before LOCK TABLE or TRUNCATE.</summary>
internal static class TableLock
{
    /// <summary>
    /// Has Citus lock the table on every node that can write to it. For a role that has these settings off, it would lock the table on
    /// the one server alone, and say nothing.
    /// </summary>
    public const string OnAllNodes = "SET LOCAL citus.enable_ddl_propagation = on; SET LOCAL citus.enable_metadata_sync = on";
}
