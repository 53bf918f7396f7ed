using System.Diagnostics;
using System.Management.Automation;
using Woodgrove.Citus.Ingest.Import;
using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Ingest;

/// <summary>Shows a load's progress a few times a second.</summary>
internal sealed class ImportProgressBar(CmdletOutput output, string table, int activity = 1, string what = "Loading")
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);
    private readonly Stopwatch _sinceLast = Stopwatch.StartNew();

    public void Report(ImportProgress progress)
    {
        if (_sinceLast.Elapsed < Interval) return;
        _sinceLast.Restart();
        double seconds = Math.Max(progress.Elapsed.TotalSeconds, 1e-3);
        var record = new ProgressRecord(activity, $"{what} {table}", $"{progress.Rows:N0} rows, {progress.Rows / seconds:N0} rows/s")
        {
            CurrentOperation = progress.Source,
        };
        if (progress.TotalBytes is > 0)
        {
            double done = Math.Clamp((double)progress.Bytes / progress.TotalBytes.Value, 1e-9, 1);
            record.PercentComplete = (int)(done * 100);
            record.SecondsRemaining = (int)(seconds / done * (1 - done));
        }
        output.Progress(record);
    }

    public void Complete() =>
        output.Progress(new ProgressRecord(activity, $"{what} {table}", "Done") { RecordType = ProgressRecordType.Completed });
}
