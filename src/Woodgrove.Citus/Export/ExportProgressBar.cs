using System.Diagnostics;
using System.Management.Automation;
using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Export;

/// <summary>Shows an export's progress a few times a second.</summary>
internal sealed class ExportProgressBar(CmdletOutput output, string what)
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);
    private readonly Stopwatch _sinceLast = Stopwatch.StartNew();

    public void Report(ExportProgress progress)
    {
        if (_sinceLast.Elapsed < Interval) return;
        _sinceLast.Restart();
        double seconds = Math.Max(progress.Elapsed.TotalSeconds, 1e-3);
        output.Progress(new ProgressRecord(1, $"Exporting {what}",
            $"{progress.Rows:N0} rows, {progress.Bytes / 1e6:N0} MB, {progress.Rows / seconds:N0} rows/s"));
    }

    public void Complete() =>
        output.Progress(new ProgressRecord(1, $"Exporting {what}", "Done") { RecordType = ProgressRecordType.Completed });
}
