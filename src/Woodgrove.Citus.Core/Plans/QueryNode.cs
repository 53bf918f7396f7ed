namespace Woodgrove.Citus.Plans;

/// <summary>A node that takes part in a query; times and bytes only with -Analyze.</summary>
/// <param name="TaskCount">Fragments shown that run on it.</param>
/// <param name="ExecutionTime">The sum over its fragments.</param>
/// <param name="ReceivedBytes">What came back from it, as Citus rounds it.</param>
public sealed record QueryNode(string NodeName, int NodePort, int TaskCount, TimeSpan? ExecutionTime, long? ReceivedBytes)
{
    public override string ToString() => $"{NodeName}:{NodePort}";
}
