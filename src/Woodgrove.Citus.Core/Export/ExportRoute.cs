namespace Woodgrove.Citus.Export;

/// <summary>How rows travel out of the cluster.</summary>
public enum ExportRoute
{
    /// <summary>One COPY from the coordinator, which gathers the rows from their nodes.</summary>
    Coordinator,

    /// <summary>A COPY of each shard from its node, several side by side.</summary>
    Shard,
}
