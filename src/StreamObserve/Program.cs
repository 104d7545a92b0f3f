Console.WriteLine("not yet"); return 2;
