namespace Woodgrove.Citus.Connections;

/// <summary>
/// Has Citus run DDL, TRUNCATE and LOCK TABLE on every node that they concern. For a role that has these settings off, it would run
/// them on the one server alone, and say nothing.
/// </summary>
internal static class DdlPropagation
{
    /// <summary>For the transaction that is open.</summary>
    public const string OnAllNodes = "SET LOCAL citus.enable_ddl_propagation = on; SET LOCAL citus.enable_metadata_sync = on";

    /// <summary>For all that follows in the session.</summary>
    public const string OnAllNodesInSession = "SET citus.enable_ddl_propagation = on; SET citus.enable_metadata_sync = on";
}
