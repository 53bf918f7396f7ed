using Woodgrove.Citus.Sandbox;

namespace Woodgrove.Citus.Benchmarks;

/// <summary>Sample events, about 141 bytes a row, kept among the temporary files for the next run.</summary>
internal static class EventsFile
{
    public static FileInfo OfRows(int rows)
    {
        string path = Path.Combine(Path.GetTempPath(), $"woodgrove-benchmark-events-{rows}.csv");
        if (!File.Exists(path))
        {
            Console.Error.WriteLine($"Generating {rows} events.");
            string partial = $"{path}.{Environment.ProcessId}";
            new SampleData(Math.Clamp(rows / 10, 1_000, 264_000), rows).WriteEventsAsync(partial).GetAwaiter().GetResult();
            File.Move(partial, path, overwrite: true);
        }
        // Into the file cache, so that the first reader is no worse off than the rest.
        using FileStream file = File.OpenRead(path);
        file.CopyTo(Stream.Null, 1 << 20);
        return new FileInfo(path);
    }
}
