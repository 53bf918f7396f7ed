namespace Woodgrove.Citus.Operations;

/// <summary>Something that an interrupted operation has left behind, and what became of it.</summary>
/// <param name="Node">The node that it is on, as name:port; null where that is not in the cluster any more.</param>
/// <param name="Name">The name of the object or of the prepared transaction.</param>
/// <param name="Evidence">Why it is left over, a sentence.</param>
/// <param name="Age">How old it is; null where Citus keeps no time of it.</param>
/// <param name="IsRepaired">True where it is gone now.</param>
public sealed record ClusterLeftover(LeftoverKind Kind, string? Node, string Name, string Evidence, TimeSpan? Age, bool IsRepaired);
