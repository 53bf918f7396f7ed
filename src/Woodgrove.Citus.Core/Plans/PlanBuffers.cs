using System.Text.Json;

namespace Woodgrove.Citus.Plans;

/// <summary>Pages, as a rule of 8 kB, that a step and all steps below it used.</summary>
/// <param name="SharedHit">Found in shared_buffers.</param>
/// <param name="SharedRead">Read from the disk or the operating system's cache.</param>
/// <param name="LocalHit">Those of temporary tables, likewise.</param>
/// <param name="TempRead">Those that sorts and hashes wrote to disk for lack of work_mem, and read again.</param>
public sealed record PlanBuffers(
    long SharedHit, long SharedRead, long SharedDirtied, long SharedWritten,
    long LocalHit, long LocalRead, long LocalDirtied, long LocalWritten, long TempRead, long TempWritten)
{
    /// <summary>Null where EXPLAIN counted none.</summary>
    internal static PlanBuffers? Read(JsonElement element)
    {
        long Blocks(string name) => (long)(PlanNode.Number(element, name + " Blocks") ?? 0);
        return PlanNode.Number(element, "Shared Hit Blocks") is null ? null : new PlanBuffers(
            Blocks("Shared Hit"), Blocks("Shared Read"), Blocks("Shared Dirtied"), Blocks("Shared Written"),
            Blocks("Local Hit"), Blocks("Local Read"), Blocks("Local Dirtied"), Blocks("Local Written"),
            Blocks("Temp Read"), Blocks("Temp Written"));
    }
}
