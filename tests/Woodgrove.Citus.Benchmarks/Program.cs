using Woodgrove.Citus.Benchmarks;

var options = new Options(args.Skip(1));
switch (args.FirstOrDefault())
{
    case "load": return LoadBenchmark.Run(options);
    case "rows": return RowsBenchmark.Run(options);
    case "rejects": return RejectsBenchmark.Run(options);
    case "convert": return ConvertBenchmark.Run(options);
    case "export": return ExportBenchmark.Run(options);
    case "compare": return CompareBenchmark.Run(options);
    case "copy": return CopyBenchmark.Run(options);
    case "query": return QueryBenchmark.Run(options);
    case "startup": return StartupBenchmark.Run(options);
    case "split": return SplitBenchmark.Run(options);
    case "memory": return MemoryBenchmark.Run(options);
    case "metadata": return MetadataBenchmark.Run(options);

    // What it runs in child processes.
    case SplitBenchmark.ChildCommand: return SplitBenchmark.RunChild(args[1], args[2]);
}
Console.Error.WriteLine("""
    usage: dotnet run -c Release --project tests/Woodgrove.Citus.Benchmarks -- COMMAND [OPTIONS]

      load     Import-CsvToCitus against psql \copy    --rows 6000000 --runs 5
      rows     Import-Csv | Add-CitusRow against \copy --rows 200000 --runs 5
      rejects  bad rows rejected against a clean load --rows 1000000 --bad 1000 --runs 5
      convert  rows rewritten against rows as they are --rows 1000000 --runs 5
      export   Export-CitusToCsv against psql \copy    --rows 2000000 --runs 5
      compare  Compare-CitusTable against psql \copy   --rows 2000000 --runs 5
      copy     Copy-CitusTable against psql | psql     --rows 1500000 --runs 5
      query    Invoke-CitusQuery against psql          --rows 1000000 --runs 5
      startup  Import-Module against an idle pwsh      --runs 10
      split    the CSV splitter against CSV readers    --rows 2000000 --runs 5 | --file FILE
      memory   peak memory by size of input            --rows 2000000 (and ten times as many)
      metadata the cmdlets that read the catalogs      --tables 200 --runs 11

    All but startup and split start a sandbox, and compare a second one: --engine Auto|Citus|PostgreSql, or --server CONNECTIONSTRING for a cluster
    that is there already, in which they make and drop the table benchmark_events.
    """);
return 2;
