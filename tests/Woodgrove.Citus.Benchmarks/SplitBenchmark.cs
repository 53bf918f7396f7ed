using System.Globalization;
using CsvHelper;
using CsvHelper.Configuration;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Csv.Sources;
using Woodgrove.Citus.Ingest.Routes;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Benchmarks;

/// <summary>
/// Finding records and their shards and copying them into the shards' buffers, on one thread, beside readers that
/// only find the fields of the same file.
/// </summary>
internal static class SplitBenchmark
{
    public const string ChildCommand = "split-once";
    private const int Passes = 8;

    private static readonly Dictionary<string, Func<string, long>> Readers = new()
    {
        ["Woodgrove.Citus splitter"] = Split,
        ["Sylvan.Data.Csv"] = ReadWithSylvan,
        ["CsvHelper"] = ReadWithCsvHelper,
    };

    public static int Run(Options options)
    {
        int runs = options.Number("runs", 5);
        FileInfo file = options.Text("file") is { } given ? new FileInfo(given) : EventsFile.OfRows(options.Number("rows", 2_000_000));
        var report = new Report("split", "The splitter on one core");
        report.Paragraph($"{Report.Megabytes(file.Length)} MB of events in the file cache, {runs} processes each, by processor time; "
            + $"cold is a process's first pass, warm its best of {Passes}. "
            + "The splitter hashes user_id and copies each record to one of 32 shards' buffers; "
            + "the others only read every record's third field.");
        var rows = new List<string[]>();
        foreach (string reader in Readers.Keys)
        {
            (Samples cold, Samples warm) = (new("cold"), new("warm"));
            for (int run = 0; run < runs; run++)
            {
                double[] seconds = [.. Child.RunSelf(ChildCommand, reader, file.FullName).Output.Split(' ')
                    .Select(s => double.Parse(s, CultureInfo.InvariantCulture))];
                cold.Add(file.Length / 1e9 / seconds[0]);
                warm.Add(file.Length / 1e9 / seconds.Min());
            }
            rows.Add([reader, Report.Spread(cold, 2), Report.Spread(warm, 2)]);
            Console.Error.WriteLine(string.Join(", ", rows[^1]));
        }
        report.Table(["", "cold, GB/s", "warm, GB/s"], rows);
        report.Save();
        return 0;
    }

    /// <summary>Prints each pass's seconds.</summary>
    public static int RunChild(string reader, string path)
    {
        Func<string, long> read = Readers[reader];
        var seconds = new List<string>();
        for (int pass = 0; pass < Passes; pass++)
        {
            // The process's time on the processor, the compiler's included: other processes' turns don't count.
            TimeSpan before = Environment.CpuUsage.TotalTime;
            read(path);
            seconds.Add((Environment.CpuUsage.TotalTime - before).TotalSeconds.ToString(CultureInfo.InvariantCulture));
        }
        Console.WriteLine(string.Join(' ', seconds));
        return 0;
    }

    private static long Split(string path)
    {
        var dialect = new CsvDialect { HasHeader = false };
        CsvInput input = CsvInput.OpenAsync(CsvSource.File(path), dialect, default).GetAwaiter().GetResult();
        var reader = new CsvRecordReader(input, dialect);
        var shards = new ShardMap([.. Enumerable.Range(0, 32).Select(i =>
            new ShardRange(i, $"s{i}", (int)(int.MinValue + i * (1L << 27)), (int)(int.MinValue + (i + 1) * (1L << 27) - 1), "", 0))]);
        var router = new RecordRouter(dialect, 2, ValueHasher.For(new TableColumn("user_id", "bigint", 20, false, false, false, false))!,
            shards);
        ShardBuffer[] buffers = [.. shards.Shards.Select(_ => new ShardBuffer())];
        while (reader.ReadAsync(default).AsTask().GetAwaiter().GetResult())
        {
            for (int from = 0; from < reader.Block.Length;)
            {
                router.Split(reader, ref from, reader.Block.Length, buffers, out int shard);
                buffers[shard].Take();
            }
        }
        input.DisposeAsync().AsTask().GetAwaiter().GetResult();
        return reader.RecordsBefore;
    }

    private static long ReadWithSylvan(string path)
    {
        using var text = new StreamReader(path);
        using var reader = Sylvan.Data.Csv.CsvDataReader.Create(text, new Sylvan.Data.Csv.CsvDataReaderOptions { HasHeaders = false });
        long sum = 0;
        while (reader.Read()) sum += reader.GetInt64(2);
        return sum;
    }

    private static long ReadWithCsvHelper(string path)
    {
        using var text = new StreamReader(path);
        using var parser = new CsvParser(text, new CsvConfiguration(CultureInfo.InvariantCulture) { HasHeaderRecord = false });
        long sum = 0;
        while (parser.Read()) sum += long.Parse(parser[2], CultureInfo.InvariantCulture);
        return sum;
    }
}
