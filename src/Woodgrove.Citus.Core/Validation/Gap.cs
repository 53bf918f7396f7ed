namespace Woodgrove.Citus.Validation;

/// <summary>A question that a node did not answer.</summary>
/// <param name="Denied">True where the user lacks a right.</param>
internal sealed record Gap(Question Question, string Node, string Reason, bool Denied);
