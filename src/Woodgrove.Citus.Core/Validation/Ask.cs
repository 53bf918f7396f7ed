namespace Woodgrove.Citus.Validation;

/// <summary>Whom a question is put to.</summary>
internal enum Ask
{
    /// <summary>The node that the connection leads to, of the cluster as a whole.</summary>
    Cluster,

    /// <summary>Every node, of itself.</summary>
    EveryNode,
}
