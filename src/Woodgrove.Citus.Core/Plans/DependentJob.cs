using System.Text.Json;

namespace Woodgrove.Citus.Plans;

/// <summary>A step of a repartition join: its map tasks read rows, its merge tasks get them by their new hash.</summary>
internal sealed record DependentJob(int MapTaskCount, int MergeTaskCount, IReadOnlyList<DependentJob> Before)
{
    public static IReadOnlyList<DependentJob> ReadAll(JsonElement parent) =>
        !parent.TryGetProperty("Dependent Jobs", out JsonElement jobs) ? []
        : [.. jobs.EnumerateArray().Select(j => new DependentJob(
            j.GetProperty("Map Task Count").GetInt32(), j.GetProperty("Merge Task Count").GetInt32(), ReadAll(j)))];
}
