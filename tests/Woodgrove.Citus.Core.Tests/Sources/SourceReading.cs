using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Csv.Sources;

namespace Woodgrove.Citus.Core.Tests.Sources;

/// <summary>Reads sources through the engine's input, as a load does.</summary>
internal static class SourceReading
{
    /// <summary>The whole content in UTF-8.</summary>
    public static async Task<byte[]> ReadAllAsync(CsvSource source, CsvDialect? dialect = null)
    {
        await using CsvInput input = await CsvInput.OpenAsync(source, dialect ?? new CsvDialect(), TestContext.Current.CancellationToken);
        using var all = new MemoryStream();
        var buffer = new byte[50_000];
        for (int count; (count = await input.ReadAsync(buffer, TestContext.Current.CancellationToken)) > 0;) all.Write(buffer, 0, count);
        return all.ToArray();
    }

    /// <summary>The whole content of a file with these bytes.</summary>
    public static async Task<byte[]> ReadAllAsync(byte[] bytes, string name, CsvDialect? dialect = null)
    {
        string folder = Directory.CreateTempSubdirectory("woodgrove-source-").FullName;
        try
        {
            string path = Path.Combine(folder, name);
            await File.WriteAllBytesAsync(path, bytes, TestContext.Current.CancellationToken);
            return await ReadAllAsync(CsvSource.File(path), dialect);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
