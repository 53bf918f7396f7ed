namespace Woodgrove.Citus.Ingest.Rejects;

/// <summary>What is done before records are sent, so that the servers refuse none of them.</summary>
internal enum ValidationLevel
{
    None,

    /// <summary>Those that look doubtful are tried on the coordinator.</summary>
    Doubtful,

    /// <summary>All are.</summary>
    All,

    /// <summary>And their keys are compared with those of the cluster.</summary>
    Keys,

    /// <summary>And all are tried on the workers.</summary>
    Workers,
}
