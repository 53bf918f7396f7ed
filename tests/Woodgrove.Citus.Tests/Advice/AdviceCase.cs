namespace Woodgrove.Citus.Tests.Advice;

/// <summary>An error, and how its advice is followed.</summary>
/// <param name="Id">The error's id.</param>
/// <param name="Prepare">SQL, statement by statement behind <c>;;</c>. <c>{t}</c> is a name of the case's own.</param>
/// <param name="Fails">A script that fails with the error. <c>$f</c> and <c>$dir</c> are a file and a folder of the case's own.</param>
/// <param name="Says">A pattern of the advice; what its group <c>run</c> finds is run as printed.</param>
/// <param name="Then">A script that must succeed, with what the advice prints in place of <c>{run}</c>.</param>
public sealed record AdviceCase(string Id, string Prepare, string Fails, string Says, string Then)
{
    /// <summary>Whether the stand-in can't do it.</summary>
    public bool NeedsCitus { get; init; }
}
