namespace Woodgrove.Citus.Ingest.Rejects;

/// <summary>How records are validated before they are sent. Each level includes those above it, except <see cref="None"/>.</summary>
internal enum ValidationLevel
{
    None,

    /// <summary>Records that look doubtful are tried on the coordinator.</summary>
    Doubtful,

    /// <summary>All records are tried on the coordinator.</summary>
    All,

    /// <summary>The keys of all records are also compared with those in the cluster.</summary>
    Keys,

    /// <summary>All records are also tried on the workers.</summary>
    Workers,
}
